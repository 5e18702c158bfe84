import { expect, test } from "vitest";
import { parsePostgresUri } from "./postgres-uri.ts";

test("a URI is read as SQLAlchemy writes it, whichever driver it names", () => {
  const whole = { user: "ann", password: "s3cret", host: "db", port: 5433, database: "tracking" };
  for (const scheme of ["postgresql", "postgresql+psycopg2", "postgresql+asyncpg", "postgres"]) {
    expect(parsePostgresUri(`${scheme}://ann:s3cret@db:5433/tracking`)).toEqual({
      ...whole,
      name: "postgresql://ann@db:5433/tracking",
    });
  }
});

test("what is absent is left to the driver, and a socket is named by its folder", () => {
  expect(parsePostgresUri("postgresql://db")).toEqual({ host: "db", name: "postgresql://db/" });
  expect(parsePostgresUri("postgresql:///tracking?host=/var/run/postgresql&port=5433")).toEqual({
    host: "/var/run/postgresql",
    port: 5433,
    database: "tracking",
    name: "postgresql://:5433/tracking?host=/var/run/postgresql",
  });
  expect(parsePostgresUri("postgresql://[::1]:5432/x").host).toBe("::1");
});

test("escapes are undone, and a password may hold an @", () => {
  expect(parsePostgresUri("postgresql://a%40b:p%2Fw%3A@x@db/my%20db")).toMatchObject({
    user: "a@b",
    password: "p/w:@x",
    database: "my db",
    name: "postgresql://a%40b@db/my%20db",
  });
});

test("encryption, settings and time limits are taken from the parameters", () => {
  const read = (query: string) => parsePostgresUri(`postgresql://db/x?${query}`);
  expect(read("sslmode=require").ssl).toEqual({ rejectUnauthorized: false });
  expect(read("sslmode=verify-full").ssl).toEqual({});
  expect(read("sslmode=disable").ssl).toBe(false);
  expect(read("options=-csearch_path%3Dtracking").options).toBe("-csearch_path=tracking");
  expect(read("connect_timeout=3").connectTimeoutMs).toBe(3000);
});

test("a URI that cannot be read is refused, and its password is not repeated", () => {
  const messages = [
    "postgresql://ann:s3cret@db/x/y",
    "postgresql://ann:s3cret@db:port/x",
    "postgresql://ann:s3cret%@db/x",
    "postgresql://ann:s3cret@db/x?sslmod=require",
    "postgresql://ann:s3cret@db/x?sslmode=prefer",
    "postgresql://ann:s3cret@db/x?sslmode=verify-ca&sslrootcert=/nowhere",
  ].map((uri) => {
    try {
      return parsePostgresUri(uri).name;
    } catch (error) {
      expect(error).toMatchObject({ code: "INVALID_PARAMETER_VALUE" });
      return (error as Error).message;
    }
  });
  expect(messages.join("\n")).not.toContain("s3cret");
  expect(messages).toMatchInlineSnapshot(`
    [
      "tracking URI: a PostgreSQL database is named by postgresql://USER:PASSWORD@HOST:PORT/DATABASE. Escape special characters as %XX.",
      "tracking URI: a PostgreSQL database is named by postgresql://USER:PASSWORD@HOST:PORT/DATABASE. Escape special characters as %XX.",
      "tracking URI: "%" must begin an escape like %40. The form is postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
      "tracking URI: there is no parameter "sslmod". Did you mean "sslmode"? Valid: connect_timeout, dbname, host, options, password, port, sslmode, sslrootcert, user.",
      "tracking URI: sslmode must be disable, require, verify-ca or verify-full, got "prefer".",
      "tracking URI: sslrootcert must be a readable file, got "/nowhere" (Error: ENOENT: no such file or directory, open '/nowhere').",
    ]
  `);
});
