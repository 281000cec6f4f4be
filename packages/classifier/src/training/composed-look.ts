import { CtError } from "@classifier-training/base";
import type { DictConfig, FirstLook } from "@classifier-training/hydra";

/** The configuration as the command line has it; undefined where it is not valid: composing it again says why. */
export function composedLook(look: FirstLook): DictConfig | undefined {
  try {
    return look.compose(look.overrides);
  } catch (error) {
    if (CtError.is(error)) return undefined;
    throw error;
  }
}
