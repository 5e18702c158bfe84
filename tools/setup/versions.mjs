// The versions that set-up accepts.

/** The oldest Node, as major and minor version. */
export const oldestNode = [20, 19];

/** The libtorch that is fetched where none is found. */
export const pinnedVersion = "2.13.0";

/** The versions of libtorch that the addon compiles and runs with, as minor versions of 2. */
export const supportedMinors = [11, 12, 13, 14, 15];
