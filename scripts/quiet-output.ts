/** What a test's process writes goes to vitest's console, which shows it for tests that fail. */
for (const stream of [process.stdout, process.stderr]) {
  stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
    // biome-ignore lint/suspicious/noConsole: the console is what vitest keeps
    console.log(
      Buffer.from(chunk as Uint8Array)
        .toString()
        .trimEnd(),
    );
    const done = rest.at(-1);
    if (typeof done === "function") process.nextTick(done);
    return true;
  }) as typeof stream.write;
}
