// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import { expect, test } from "vitest";
import { isSecretKey, maskArgument, maskDocument, maskText } from "./secrets.ts";

test.each([
  "api_key",
  "apiKey",
  "WANDB_API_KEY",
  "token",
  "hubToken",
  "client_secret",
  "aws_secret_access_key",
  "db_password",
  "credentials",
  "private-key",
])("%s names a secret", (name) => expect(isSecretKey(name)).toBe(true));

test.each([
  "key",
  "sort_key",
  "log_key_prefix",
  "keyboard",
  "tokenizer",
  "pad_token",
  "token_file",
  "password_length",
  "passwordless",
  "secretary",
  "monkey",
])("%s names no secret", (name) => expect(isSecretKey(name)).toBe(false));

test.each([
  ["wandb.api_key=abc", "wandb.api_key='***'"],
  ["+logging={api_key:abc,entity:x}", "+logging={api_key:***,entity:x}"],
  ["headers={'Authorization':'Bearer xyz','n':1}", "headers={'Authorization':'***','n':1}"],
  ["uri=postgres://user:p@ss@host/db", "uri=postgres://user:***@host/db"],
  ["--url=https://host/x?token=abc&page=1", "--url=https://host/x?token=***&page=1"],
  ["password=${oc.env:PASSWORD}", "password=${oc.env:PASSWORD}"],
  ["model.token=5", "model.token=5"],
  ["data_root=C:/photos:new", "data_root=C:/photos:new"],
  ["lr=0.1", "lr=0.1"],
])("the argument %s is shown as %s", (argument, shown) => expect(maskArgument(argument)).toBe(shown));

test("a document is masked below secret names, and nowhere else", () => {
  const document = [
    "seed: 1",
    "api_key: abc",
    "fallback: ${oc.env:X}",
    "password: ${oc.env:PW,dflt}",
    "credentials:",
    "  user: u",
    "  parts:",
    "  - p",
    "tokens:",
    "- t1",
    "note: |",
    "  plain",
    "overrides:",
    "- wandb.api_key=abc",
    "- lr=1",
    "url: https://u:p@h/",
  ];
  expect(maskDocument(document.join("\n")).split("\n")).toEqual([
    "seed: 1",
    "api_key: '***'",
    "fallback: ${oc.env:X}",
    "password: ${oc.env:PW,***}",
    "credentials:",
    "  user: '***'",
    "  parts:",
    "  - '***'",
    "tokens:",
    "- '***'",
    "note: |",
    "  plain",
    "overrides:",
    "- wandb.api_key='***'",
    "- lr=1",
    "url: https://u:***@h/",
  ]);
});

test("plain text keeps what only looks alike", () => {
  expect(maskText("at 12:30: token count: 5, https://host:8080/a@b")).toBe(
    "at 12:30: token count: 5, https://host:8080/a@b",
  );
});
