// Formats a moment as C's strftime does, in local time and English: what `${now:%Y-%m-%d}` gives.
const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** Replaces each `%` code of `pattern`; a code that strftime does not know stays as it is. */
export function strftime(pattern: string, moment: Date): string {
  return pattern.replaceAll(/%(-?)([\s\S])/gu, (whole, minus: string, code: string) => {
    const text = Object.hasOwn(codes, code) ? codes[code]!(moment) : undefined;
    if (text === undefined) return whole;
    return minus === "" ? text : text.replace(/^[0 ]+(?=.)/u, "");
  });
}

const pad = (value: number, length = 2, fill = "0"): string => String(value).padStart(length, fill);
const hour12 = (moment: Date): number => moment.getHours() % 12 || 12;

const codes: Readonly<Record<string, (moment: Date) => string>> = {
  a: (moment) => days[moment.getDay()]!.slice(0, 3),
  A: (moment) => days[moment.getDay()]!,
  b: (moment) => months[moment.getMonth()]!.slice(0, 3),
  B: (moment) => months[moment.getMonth()]!,
  c: (moment) => strftime("%a %b %e %H:%M:%S %Y", moment),
  C: (moment) => pad(Math.floor(moment.getFullYear() / 100)),
  d: (moment) => pad(moment.getDate()),
  D: (moment) => strftime("%m/%d/%y", moment),
  e: (moment) => pad(moment.getDate(), 2, " "),
  f: (moment) => pad(moment.getMilliseconds() * 1000, 6),
  F: (moment) => strftime("%Y-%m-%d", moment),
  g: (moment) => pad(isoWeek(moment).year % 100),
  G: (moment) => String(isoWeek(moment).year),
  h: (moment) => months[moment.getMonth()]!.slice(0, 3),
  H: (moment) => pad(moment.getHours()),
  I: (moment) => pad(hour12(moment)),
  j: (moment) => pad(dayOfYear(moment) + 1, 3),
  k: (moment) => pad(moment.getHours(), 2, " "),
  l: (moment) => pad(hour12(moment), 2, " "),
  m: (moment) => pad(moment.getMonth() + 1),
  M: (moment) => pad(moment.getMinutes()),
  n: () => "\n",
  p: (moment) => (moment.getHours() < 12 ? "AM" : "PM"),
  P: (moment) => (moment.getHours() < 12 ? "am" : "pm"),
  r: (moment) => strftime("%I:%M:%S %p", moment),
  R: (moment) => strftime("%H:%M", moment),
  s: (moment) => String(Math.floor(moment.getTime() / 1000)),
  S: (moment) => pad(moment.getSeconds()),
  t: () => "\t",
  T: (moment) => strftime("%H:%M:%S", moment),
  u: (moment) => String(moment.getDay() || 7),
  U: (moment) => pad(Math.floor((dayOfYear(moment) + 7 - moment.getDay()) / 7)),
  V: (moment) => pad(isoWeek(moment).week),
  w: (moment) => String(moment.getDay()),
  W: (moment) => pad(Math.floor((dayOfYear(moment) + 7 - ((moment.getDay() + 6) % 7)) / 7)),
  x: (moment) => strftime("%m/%d/%y", moment),
  X: (moment) => strftime("%H:%M:%S", moment),
  y: (moment) => pad(moment.getFullYear() % 100),
  Y: (moment) => String(moment.getFullYear()),
  z: () => "", // Python's datetime.now() has no zone
  Z: () => "",
  "%": () => "%",
};

/** Counts days since the first of January. */
function dayOfYear(moment: Date): number {
  const day = Date.UTC(moment.getFullYear(), moment.getMonth(), moment.getDate());
  return Math.round((day - Date.UTC(moment.getFullYear(), 0, 1)) / 86_400_000);
}

/** Returns the ISO 8601 week, which belongs to the year of its Thursday. */
function isoWeek(moment: Date): { year: number; week: number } {
  const thursday = new Date(
    moment.getFullYear(),
    moment.getMonth(),
    moment.getDate() + 4 - (moment.getDay() || 7),
  );
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}
