/** Calls `work` with paths that CMake can work with: those given, or links to them. */
export function withPlainPaths<Name extends string, T>(
  paths: Readonly<Record<Name, string>>,
  tree: string,
  work: (paths: Readonly<Record<Name, string>>, tree: string) => Promise<T>,
): Promise<T>;
