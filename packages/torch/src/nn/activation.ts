import type { Tensor } from "../tensor/tensor.ts";
import * as F from "./functional/activation.ts";
import { Module } from "./module.ts";

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
  readonly alpha: number;

  constructor({ alpha = 1 }: { readonly alpha?: number } = {}) {
    super();
    this.alpha = alpha;
  }

  override forward(input: Tensor): Tensor {
    return F.elu(input, this);
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
