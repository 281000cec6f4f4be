import { full } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import * as F from "./functional/activation.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** An activation without parameters that may overwrite its input. */
abstract class Elementwise extends Module {
  readonly inplace: boolean;

  constructor({ inplace = false }: F.InPlace = {}) {
    super();
    this.inplace = inplace;
  }

  override extraRepr(): string {
    return this.inplace ? "inplace=true" : "";
  }
}

export class ReLU extends Elementwise {
  override forward(input: Tensor): Tensor {
    return F.relu(input, this);
  }
}

export class ReLU6 extends Elementwise {
  override forward(input: Tensor): Tensor {
    return F.relu6(input, this);
  }
}

export class Hardswish extends Elementwise {
  override forward(input: Tensor): Tensor {
    return F.hardswish(input, this);
  }
}

export class Hardsigmoid extends Elementwise {
  override forward(input: Tensor): Tensor {
    return F.hardsigmoid(input, this);
  }
}

export class SiLU extends Elementwise {
  override forward(input: Tensor): Tensor {
    return F.silu(input, this);
  }
}

export class Mish extends Elementwise {
  override forward(input: Tensor): Tensor {
    return F.mish(input, this);
  }
}

export class SELU extends Elementwise {
  override forward(input: Tensor): Tensor {
    return F.selu(input, this);
  }
}

export class Sigmoid extends Module {
  override forward(input: Tensor): Tensor {
    return F.sigmoid(input);
  }
}

export class Tanh extends Module {
  override forward(input: Tensor): Tensor {
    return F.tanh(input);
  }
}

export class GELU extends Module {
  readonly approximate: "none" | "tanh";

  constructor({ approximate = "none" }: { readonly approximate?: "none" | "tanh" } = {}) {
    super();
    this.approximate = approximate;
  }

  override forward(input: Tensor): Tensor {
    return F.gelu(input, this);
  }
}

export class LeakyReLU extends Module {
  readonly options: F.LeakyReluOptions;

  constructor(options: F.LeakyReluOptions = {}) {
    super();
    this.options = options;
  }

  override forward(input: Tensor): Tensor {
    return F.leakyRelu(input, this.options);
  }
}

export class ELU extends Module {
  readonly options: F.EluOptions;

  constructor(options: F.EluOptions = {}) {
    super();
    this.options = options;
  }

  override forward(input: Tensor): Tensor {
    return F.elu(input, this.options);
  }
}

export class Hardtanh extends Module {
  readonly options: F.HardtanhOptions;

  constructor(options: F.HardtanhOptions = {}) {
    super();
    this.options = options;
  }

  override forward(input: Tensor): Tensor {
    return F.hardtanh(input, this.options);
  }
}

export class Softplus extends Module {
  readonly options: F.SoftplusOptions;

  constructor(options: F.SoftplusOptions = {}) {
    super();
    this.options = options;
  }

  override forward(input: Tensor): Tensor {
    return F.softplus(input, this.options);
  }
}

/** A leaky rectifier whose slope is learned: one for all channels, or one each. */
export class PReLU extends Module {
  readonly weight: Parameter;

  constructor({ numParameters = 1, init = 0.25 }: { readonly numParameters?: number; readonly init?: number } = {}) {
    super();
    this.weight = new Parameter(full([numParameters], init));
  }

  override forward(input: Tensor): Tensor {
    return F.prelu(input, this.weight);
  }
}

export class LogSigmoid extends Module {
  override forward(input: Tensor): Tensor {
    return F.logSigmoid(input);
  }
}

export class Softsign extends Module {
  override forward(input: Tensor): Tensor {
    return F.softsign(input);
  }
}

/** Softmax along `dim`. */
export class Softmax extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  override forward(input: Tensor): Tensor {
    return F.softmax(input, this.dim);
  }
}

export class LogSoftmax extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  override forward(input: Tensor): Tensor {
    return F.logSoftmax(input, this.dim);
  }
}
