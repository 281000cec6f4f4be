import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What goes wrong with a request: an answer that is an error, or none, or the answer is lost after the work was done. */
export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: "reset" }
  | { readonly kind: "silence" }
  | { readonly kind: "lostAnswer" }
  | { readonly kind: "slow"; readonly ms: number };

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  readonly at: number;
}

/** A local HTTP server whose requests can be made to fail, one fault a request, in order. */
export abstract class FaultServer {
  readonly requests: Request[] = [];
  /** The faults of the next requests; `undefined` lets one pass. */
  faults: (Fault | undefined)[] = [];
  /** Only requests whose path matches meet faults. */
  faultyPath = /./;
  #server: Server | undefined;

  protected abstract answer(request: Request): { readonly status: number; readonly body: unknown };

  async start(): Promise<string> {
    this.#server = createServer((request, response) => void this.#handle(request, response));
    await new Promise<void>((resolve) => this.#server?.listen(0, "127.0.0.1", resolve));
    return this.url;
  }

  get url(): string {
    const { port } = (this.#server as Server).address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.faultyPath.test(incoming.url ?? "") ? this.faults.shift() : undefined;
    if (fault?.kind === "reset") return void incoming.socket.destroy();
    const body = await this.#read(incoming, fault);
    const { method = "GET", url: path = "/", headers } = incoming;
    const request = { method, path, headers, body, at: Date.now() };
    this.requests.push(request);
    if (fault?.kind === "silence") return;
    if (fault?.kind === "status") {
      const head = fault.retryAfter === undefined ? {} : { "Retry-After": fault.retryAfter };
      response.writeHead(fault.status, head).end("no");
      return;
    }
    const { status, body: result } = this.answer(request);
    if (fault?.kind === "lostAnswer") return void incoming.socket.destroy();
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(result));
  }

  async #read(incoming: IncomingMessage, fault: Fault | undefined): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of incoming) {
      parts.push(part as Buffer);
      if (fault?.kind === "slow") await new Promise((resolve) => setTimeout(resolve, fault.ms));
    }
    return Buffer.concat(parts);
  }
}
