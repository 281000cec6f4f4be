import { signal } from "@preact/signals";
import { type SessionInfo, tokenHeader } from "../../src/api-types.ts";

const storageKey = "write-token";

/** The token comes in the part of the address that is never sent, and is not left there to be shared by mistake. */
function takeToken(): string {
  const given = /^#token=([0-9a-f]+)$/.exec(location.hash)?.[1];
  if (given !== undefined) {
    sessionStorage.setItem(storageKey, given);
    history.replaceState(null, "", `${location.pathname}${location.search}`);
  }
  return given ?? sessionStorage.getItem(storageKey) ?? "";
}

const token = takeToken();

/** Whether names, tags and notes can be changed, and runs be deleted. */
export const canWrite = signal(false);
/** The folder of the runs. */
export const root = signal("");
/** Names of what the server can do besides showing runs; undefined until it has said so. */
export const extensions = signal<readonly string[] | undefined>(undefined);

type Method = "GET" | "POST" | "PUT" | "DELETE";

/** Asks the server; a `Blob` is sent as it is, anything else as JSON. @throws Error with its sentence when it refuses */
export async function api<T>(path: string, method: Method = "GET", body?: unknown): Promise<T> {
  const isJson = body !== undefined && !(body instanceof Blob);
  const response = await fetch(`api/${path}`, {
    method,
    headers: { [tokenHeader]: token, ...(isJson && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: isJson ? JSON.stringify(body) : (body as Blob) }),
  });
  const answer = (await response.json()) as T & { readonly error?: string };
  if (!response.ok) throw new Error(answer.error ?? `the server answered ${response.status}`);
  return answer;
}

/** The address of a run's endpoint. */
export function runPath(key: string, rest = ""): string {
  return `runs/${encodeURIComponent(key)}${rest}`;
}

/** The address of an image of a run. */
export function imageAddress(key: string, path: string): string {
  return `api/${runPath(key, `/files/${path.split("/").map(encodeURIComponent).join("/")}`)}`;
}

export async function openSession(): Promise<void> {
  const info = await api<SessionInfo>("session");
  canWrite.value = info.canWrite;
  root.value = info.root;
  extensions.value = info.extensions;
}
