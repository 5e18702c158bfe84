// Collects the messages of many mistakes, for one inline snapshot.

/** Runs each function and returns its error in a line, or "no error"; `hide` (a temporary folder) is left out. */
export function messagesOf(mistakes: readonly (() => unknown)[], hide?: string): string {
  const lines = mistakes.map((mistake) => {
    try {
      mistake();
      return "no error";
    } catch (error) {
      return String(error);
    }
  });
  return hide === undefined ? lines.join("\n") : lines.join("\n").replaceAll(hide, "DIR");
}
