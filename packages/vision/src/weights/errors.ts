import { CtError } from "@classifier-training/base";

/** Pretrained weights could not be found, downloaded, checked, or fitted to a model. */
export class WeightsError extends CtError {}
