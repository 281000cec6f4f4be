// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the message shows an interpolation
import { type Mark, YamlError } from "./errors.ts";
import { deepestNesting, scanTokens, tooDeep } from "./scanner.ts";
import type { Token, TokenKind } from "./tokens.ts";
import type { YamlNode, YamlScalar } from "./tree.ts";

const standardHandles = { "!": "!", "!!": "tag:yaml.org,2002:" };

class Parser {
  private readonly tokens: readonly Token[];
  private readonly file: string | undefined;
  private readonly anchors = new Map<string, YamlNode>();
  private handles: Map<string, string> = new Map(Object.entries(standardHandles));
  private index = 0;
  private depth = 0;

  constructor(text: string, file: string | undefined) {
    this.file = file;
    this.tokens = scanTokens(text, file);
  }

  /** The one document of the text; undefined if there is none. */
  document(): YamlNode | undefined {
    if (this.at("stream-end")) return undefined;
    if (this.at("document-end")) throw this.fail("'...' ends a document that has not begun");
    if (this.at("directive", "document-start")) this.documentStart();
    const root = this.at("stream-end", "directive", "document-start", "document-end") ? this.empty() : this.node(true);
    const ended = this.at("document-end");
    while (this.at("document-end")) this.index++;
    if (this.at("stream-end")) return root;
    if (this.at("document-start") || (ended && !this.at("stream-end"))) {
      throw this.fail("expected a single document, but another one begins", "keep one document in a file");
    }
    throw this.fail("did not find the start of a document");
  }

  private documentStart(): void {
    let versions = 0;
    while (this.at("directive")) {
      const { handle, text } = this.take();
      if (handle === "") versions++;
      else {
        const known = this.handles.get(handle);
        if (known !== undefined && !(handle in standardHandles)) throw this.fail("found a duplicate %TAG directive");
        this.handles.set(handle, text);
      }
      if (versions > 1) throw this.fail("found a duplicate %YAML directive");
    }
    if (!this.at("document-start")) throw this.fail("expected '---' after the directives");
    this.index++;
  }

  private peek(): Token {
    return this.tokens[this.index] as Token;
  }

  private take(): Token {
    const token = this.peek();
    if (token.kind !== "stream-end") this.index++;
    return token;
  }

  private at(...kinds: readonly TokenKind[]): boolean {
    return kinds.includes(this.peek().kind);
  }

  private fail(what: string, fix?: string, mark: Mark = this.peek().mark): YamlError {
    return new YamlError(what, mark, this.file, fix);
  }

  private empty(mark: Mark = this.peek().mark): YamlScalar {
    return { kind: "scalar", tag: undefined, text: "", plain: true, mark };
  }

  /** A node; `block` where block collections may stand, `indentless` where `- ` needs no deeper indentation. */
  private node(block: boolean, indentless = false): YamlNode {
    if (this.at("alias")) {
      const token = this.take();
      const node = this.anchors.get(token.text);
      if (node === undefined) throw this.fail(`found the undefined alias '*${token.text}'`, undefined, token.mark);
      return node;
    }
    const start = this.peek().mark;
    let anchor: string | undefined;
    let tag: string | undefined;
    while ((this.at("anchor") && anchor === undefined) || (this.at("tag") && tag === undefined)) {
      const token = this.take();
      if (token.kind === "anchor") anchor = token.text;
      else tag = this.tagOf(token);
    }
    if (++this.depth > deepestNesting) throw this.fail(tooDeep);
    const node = this.contentOf(block, indentless, tag, anchor, start);
    this.depth--;
    return node;
  }

  private contentOf(
    block: boolean,
    indentless: boolean,
    tag: string | undefined,
    anchor: string | undefined,
    start: Mark,
  ): YamlNode {
    const { kind, mark } = this.peek();
    const tagged = tag === "!" ? undefined : tag;
    const register = <T extends YamlNode>(node: T): T => {
      if (anchor !== undefined) this.anchors.set(anchor, node);
      return node;
    };
    if (kind === "scalar") {
      const { text, plain } = this.take();
      return register({ kind: "scalar", tag: tagged, text, plain: tag === "!" || (plain && tag === undefined), mark });
    }
    const items: YamlNode[] = [];
    const pairs: [YamlNode, YamlNode][] = [];
    if (kind === "[" || (block && kind === "block-sequence-start") || (indentless && kind === "-")) {
      const node = register({ kind: "sequence", tag: tagged, items, mark });
      if (kind === "[") this.flowSequence(items);
      else if (kind === "-") this.indentlessSequence(items);
      else this.blockSequence(items);
      return node;
    }
    if (kind === "{" || (block && kind === "block-mapping-start")) {
      const node = register({ kind: "mapping", tag: tagged, pairs, mark });
      if (kind === "{") this.flowMapping(pairs);
      else this.blockMapping(pairs);
      return node;
    }
    if (anchor !== undefined || tag !== undefined) {
      return register({ kind: "scalar", tag: tagged, text: "", plain: tag === undefined, mark: start });
    }
    throw this.fail("expected a value here");
  }

  private tagOf({ handle, text, mark }: Token): string {
    if (handle === "") return text;
    const prefix = this.handles.get(handle);
    if (prefix === undefined) throw this.fail(`found the undefined tag handle '${handle}'`, undefined, mark);
    return prefix + text;
  }

  private blockSequence(items: YamlNode[]): void {
    this.index++;
    while (this.at("-")) {
      const { mark } = this.take();
      items.push(this.at("-", "block-end") ? this.empty(mark) : this.node(true));
    }
    if (!this.at("block-end")) throw this.fail("expected a list item ('- ')", "align it with the items before it");
    this.index++;
  }

  private indentlessSequence(items: YamlNode[]): void {
    while (this.at("-")) {
      const { mark } = this.take();
      items.push(this.at("-", "?", ":", "block-end") ? this.empty(mark) : this.node(true));
    }
  }

  private blockMapping(pairs: [YamlNode, YamlNode][]): void {
    this.index++;
    while (!this.at("block-end")) {
      if (!this.at("?")) throw this.fail("expected a key", "align it with the keys before it");
      pairs.push([this.blockPart("?"), this.blockPart(":")]);
    }
    this.index++;
  }

  private blockPart(kind: "?" | ":"): YamlNode {
    if (!this.at(kind)) return this.empty();
    const { mark } = this.take();
    return this.at("?", ":", "block-end") ? this.empty(mark) : this.node(true, true);
  }

  private flowSequence(items: YamlNode[]): void {
    this.index++;
    for (let first = true; !this.at("]"); first = false) {
      if (!first) {
        if (!this.at(",")) throw this.fail("expected ',' or ']'", this.flowFix());
        this.index++;
        if (this.at("]")) break;
      }
      if (this.at("?")) {
        const { mark } = this.take();
        const key = this.at(":", ",", "]") ? this.empty() : this.node(false);
        items.push({ kind: "mapping", tag: undefined, pairs: [[key, this.flowValue("]")]], mark });
      } else {
        items.push(this.node(false));
      }
    }
    this.index++;
  }

  private flowMapping(pairs: [YamlNode, YamlNode][]): void {
    this.index++;
    for (let first = true; !this.at("}"); first = false) {
      if (!first) {
        if (!this.at(",")) throw this.fail("expected ',' or '}'", this.flowFix());
        this.index++;
        if (this.at("}")) break;
      }
      if (this.at("?")) {
        this.index++;
        const key = this.at(":", ",", "}") ? this.empty() : this.node(false);
        pairs.push([key, this.flowValue("}")]);
      } else {
        pairs.push([this.node(false), this.empty()]);
      }
    }
    this.index++;
  }

  /** Within `[...]` and `{...}` a brace ends a plain value: an interpolation there needs quotes. */
  private flowFix(): string | undefined {
    const before = this.tokens[this.index - 1];
    const isInterpolation = this.at("{") && before?.kind === "scalar" && before.text.endsWith("$");
    return isInterpolation ? "put quotes around a value with an interpolation: '${...}'" : undefined;
  }

  private flowValue(close: "]" | "}"): YamlNode {
    if (!this.at(":")) return this.empty();
    this.index++;
    return this.at(",", close) ? this.empty() : this.node(false);
  }
}

/**
 * Parses a text of one YAML 1.1 document, with libyaml's notion of what is well-formed.
 * @throws YamlError
 */
export function parseYaml(text: string, file?: string): YamlNode | undefined {
  return new Parser(text, file).document();
}
