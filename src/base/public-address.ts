// Which addresses belong to the internet at large, by IANA's registries of special-purpose addresses.
import { BlockList, isIP } from "node:net";

const reservedV4: readonly [string, number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10], // carrier-grade NAT
  ["127.0.0.0", 8],
  ["169.254.0.0", 16], // link-local: metadata of clouds
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3], // multicast, and what is reserved above it
];

// of version 6 only 2000::/3 is given out; an IPv4 address wrapped in another range (::ffff:, 64:ff9b::) is none of it
const reservedV6: readonly [string, number][] = [
  ["2001::", 23], // Teredo, ORCHID
  ["2001:db8::", 32],
  ["2002::", 16], // 6to4 wraps an IPv4 address
  ["3fff::", 20],
];

const publicV6 = blockList([["2000::", 3]], "ipv6");
const notPublicV4 = blockList(reservedV4, "ipv4");
const notPublicV6 = blockList(reservedV6, "ipv6");

/** Tells whether an IP address is one of the public internet; false for what is no address. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !notPublicV4.check(address, "ipv4");
  return isIP(address) === 6 && publicV6.check(address, "ipv6") && !notPublicV6.check(address, "ipv6");
}

function blockList(ranges: readonly [string, number][], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, family);
  return list;
}
