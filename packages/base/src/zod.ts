/**
 * The part of zod that packages for services use: published compiled in, because zod itself is larger than all of them.
 * `import * as z from "@classifier-training/base/zod"`.
 */
export type * from "zod";
export {
  array,
  boolean,
  custom,
  enum,
  int,
  literal,
  looseObject,
  NEVER,
  null,
  number,
  object,
  preprocess,
  record,
  strictObject,
  string,
  tuple,
  union,
  unknown,
} from "zod";
