// Activation functions as modules, for nn.Sequential. In a forward, call the function itself.
import { nnFunctional, relu, sigmoid, tanh } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";

export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return relu(x);
  }
}

export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

export class GELU extends Module {
  readonly approximate: "none" | "tanh";

  constructor({ approximate = "none" }: { approximate?: "none" | "tanh" } = {}) {
    super();
    this.approximate = approximate;
  }

  override forward(x: Tensor): Tensor {
    return nnFunctional.gelu(x, { approximate: this.approximate });
  }
}
