import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "./api.ts";

export interface Answer<T> {
  /** The last answer, also of another address while the next one is on its way. */
  readonly answer: T | undefined;
  /** The address that it is of. */
  readonly path: string | undefined;
  readonly error: string;
  readonly isLoading: boolean;
}

/** What the server says at an address. @param version asks again when it changes; undefined as path asks for nothing */
export function useAnswer<T>(path: string | undefined, version: unknown = ""): Answer<T> {
  const [state, setState] = useState<Answer<T>>({ answer: undefined, path: undefined, error: "", isLoading: true });
  const wanted = useRef("");
  useEffect(() => {
    wanted.current = `${path} ${version}`;
    if (path === undefined) return;
    const own = wanted.current;
    setState((before) => ({ ...before, isLoading: true }));
    const settle = (next: Pick<Answer<T>, "answer" | "error">) => {
      if (wanted.current === own) setState({ ...next, path, isLoading: false });
    };
    api<T>(path).then(
      (answer) => settle({ answer, error: "" }),
      (reason: Error) => settle({ answer: undefined, error: reason.message }),
    );
  }, [path, version]);
  return path === undefined ? { answer: undefined, path, error: "", isLoading: false } : state;
}
