import { SerializationError } from "./errors.ts";
import { PickleReader } from "./pickle-reader.ts";

/** A class or function that a pickle names, and what this package builds when the pickle calls it. */
export class PythonGlobal {
  readonly name: string;
  readonly build: (args: readonly unknown[]) => unknown;

  constructor(name: string, build: (args: readonly unknown[]) => unknown) {
    this.name = name;
    this.build = build;
  }
}

export interface UnpicklerHooks {
  /** The replacement of `module.name`: a function, or a plain value (a dtype's name); undefined refuses it. */
  findGlobal(module: string, name: string): unknown;
  /** An object that the file keeps outside the pickle: a storage. */
  persistentLoad(id: unknown): unknown;
}

/** A class instance that was not built: its name and its arguments. */
export class OpaqueObject {
  readonly pythonClass: string;
  readonly args: readonly unknown[];
  state: unknown;

  constructor(pythonClass: string, args: readonly unknown[]) {
    this.pythonClass = pythonClass;
    this.args = args;
  }
}

const mark = Symbol("mark");

/**
 * Runs a pickle (protocols 0 to 5) that may build plain containers and whatever `findGlobal` admits. Nothing of the
 * file is called: a global is looked up by name in this package's table.
 *
 * Python's dict and OrderedDict become Map, list and tuple become arrays, set becomes Set, bytes Uint8Array, None null,
 * and an integer that a number cannot hold a bigint.
 * @returns the value and where its pickle ends
 * @throws SerializationError for a global that is not admitted, naming it, and for damaged bytes
 */
export function unpickle(
  bytes: Uint8Array,
  hooks: UnpicklerHooks,
  where: string,
  start = 0,
): { value: unknown; end: number } {
  const reader = new PickleReader(bytes, where);
  reader.at = start;
  const machine = new Machine(reader, hooks);
  return { value: machine.run(), end: reader.at };
}

class Machine {
  readonly #in: PickleReader;
  readonly #hooks: UnpicklerHooks;
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();

  constructor(reader: PickleReader, hooks: UnpicklerHooks) {
    this.#in = reader;
    this.#hooks = hooks;
  }

  run(): unknown {
    for (;;) {
      const code = this.#in.uint8();
      if (code === 0x2e) return this.#pop();
      const instruction = instructions[code];
      if (instruction === undefined) throw this.#in.error(`unknown instruction 0x${code.toString(16)}`);
      instruction(this.#ops, this.#in);
    }
  }

  readonly #ops: Operations = {
    push: (value) => {
      this.#stack.push(value);
    },
    pop: () => this.#pop(),
    top: () => this.#top(),
    mark: () => {
      this.#stack.push(mark);
    },
    popMark: () => this.#popMark(),
    get: (index) => {
      if (!this.#memo.has(index)) throw this.#in.error(`memo ${index} was never stored`);
      this.#stack.push(this.#memo.get(index));
    },
    put: (index) => {
      this.#memo.set(index ?? this.#memo.size, this.#top());
    },
    global: (module, name) => {
      this.#stack.push(this.#global(module, name));
    },
    call: (callee, args) => {
      this.#stack.push(this.#call(callee, args));
    },
    build: () => this.#build(),
    append: (list, items) => {
      // A loop: a spread of a long list would overflow the stack of calls.
      if (list instanceof Set) for (const item of items) list.add(item);
      else if (Array.isArray(list)) for (const item of items) list.push(item);
      else throw this.#in.error("expected a list to append items to");
    },
    setItems: (dictionary, items) => {
      if (!(dictionary instanceof Map)) throw this.#in.error("expected a dictionary to set entries in");
      if (items.length % 2 === 1) throw this.#in.error("a key without a value");
      for (let i = 0; i < items.length; i += 2) dictionary.set(items[i], items[i + 1]);
    },
    persistent: (id) => {
      this.#stack.push(this.#hooks.persistentLoad(id));
    },
  };

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #top(): unknown {
    const value = this.#stack.at(-1);
    if (this.#stack.length === 0 || value === mark) throw this.#in.error("the stack is empty");
    return value;
  }

  #popMark(): unknown[] {
    const at = this.#stack.lastIndexOf(mark);
    if (at === -1) throw this.#in.error("expected a mark");
    const items = this.#stack.splice(at);
    items.shift();
    return items;
  }

  #global(module: unknown, name: unknown): unknown {
    if (typeof module !== "string" || typeof name !== "string") throw this.#in.error("a global without a name");
    const found = this.#hooks.findGlobal(module, name);
    if (found !== undefined) return found;
    const full = JSON.stringify(`${module}.${name}`).slice(1, -1).slice(0, 200);
    throw new SerializationError({
      code: "torch/serialization",
      what: `unsupported global '${full}': only tensors and plain containers are loaded (like \`weights_only=True\`)`,
      where: this.#in.where,
      fix: "save the model's state_dict alone, or convert it to safetensors in Python",
    });
  }

  #call(callee: unknown, args: unknown): unknown {
    if (!(callee instanceof PythonGlobal)) throw this.#in.error("expected a function to call");
    if (!Array.isArray(args)) throw this.#in.error("a call without arguments");
    return callee.build(args);
  }

  /** Sets the state of an object: kept for opaque ones; attributes of containers (`_metadata`) are dropped. */
  #build(): void {
    const state = this.#pop();
    const object = this.#top();
    if (object instanceof OpaqueObject) object.state = state;
    else if (typeof object !== "object" || object === null || object instanceof PythonGlobal) {
      throw this.#in.error("expected an object to set a state of");
    }
  }
}

interface Operations {
  push(value: unknown): void;
  pop(): unknown;
  top(): unknown;
  mark(): void;
  popMark(): unknown[];
  get(index: number): void;
  put(index?: number): void;
  global(module: unknown, name: unknown): void;
  call(callee: unknown, args: unknown): void;
  build(): void;
  append(list: unknown, items: readonly unknown[]): void;
  setItems(dictionary: unknown, items: readonly unknown[]): void;
  persistent(id: unknown): void;
}

type Instruction = (machine: Operations, reader: PickleReader) => void;

const lastOf = (m: Operations, count: number): unknown[] => {
  const items = Array.from({ length: count }, () => m.pop());
  return items.reverse();
};

/** CPython's `Lib/pickletools.py` lists them all; those absent here (extension registry, buffers) are refused. */
const instructions: Readonly<Record<number, Instruction>> = {
  128: (_, r) => {
    const protocol = r.uint8();
    if (protocol > 5) throw r.error(`protocol ${protocol}`);
  },
  149: (_, r) => {
    r.uint64();
  },
  40: (m) => m.mark(),
  48: (m) => {
    m.pop();
  },
  49: (m) => {
    m.popMark();
  },
  50: (m) => m.push(m.top()),
  78: (m) => m.push(null),
  136: (m) => m.push(true),
  137: (m) => m.push(false),
  73: (m, r) => m.push(r.integerLine()),
  76: (m, r) => m.push(r.integerLine()),
  74: (m, r) => m.push(r.int32()),
  75: (m, r) => m.push(r.uint8()),
  77: (m, r) => m.push(r.uint16()),
  138: (m, r) => m.push(r.integer(r.uint8())),
  139: (m, r) => m.push(r.integer(r.uint32())),
  70: (m, r) => m.push(r.floatLine()),
  71: (m, r) => m.push(r.float64()),
  83: (m, r) => m.push(r.quotedLine()),
  84: (m, r) => m.push(r.latin1(r.uint32())),
  85: (m, r) => m.push(r.latin1(r.uint8())),
  86: (m, r) => m.push(r.escapedLine()),
  88: (m, r) => m.push(r.utf8(r.uint32())),
  140: (m, r) => m.push(r.utf8(r.uint8())),
  141: (m, r) => m.push(r.utf8(r.uint64())),
  66: (m, r) => m.push(r.bytes(r.uint32()).slice()),
  67: (m, r) => m.push(r.bytes(r.uint8()).slice()),
  142: (m, r) => m.push(r.bytes(r.uint64()).slice()),
  150: (m, r) => m.push(r.bytes(r.uint64()).slice()),
  41: (m) => m.push([]),
  93: (m) => m.push([]),
  116: (m) => m.push(m.popMark()),
  108: (m) => m.push(m.popMark()),
  133: (m) => m.push(lastOf(m, 1)),
  134: (m) => m.push(lastOf(m, 2)),
  135: (m) => m.push(lastOf(m, 3)),
  125: (m) => m.push(new Map()),
  100: (m) => {
    const items = m.popMark();
    const dictionary = new Map();
    m.setItems(dictionary, items);
    m.push(dictionary);
  },
  143: (m) => m.push(new Set()),
  145: (m) => m.push(new Set(m.popMark())),
  97: (m) => {
    const item = m.pop();
    m.append(m.top(), [item]);
  },
  101: (m) => {
    const items = m.popMark();
    m.append(m.top(), items);
  },
  144: (m) => {
    const items = m.popMark();
    m.append(m.top(), items);
  },
  115: (m) => {
    const items = lastOf(m, 2);
    m.setItems(m.top(), items);
  },
  117: (m) => {
    const items = m.popMark();
    m.setItems(m.top(), items);
  },
  103: (m, r) => m.get(Number(r.line())),
  104: (m, r) => m.get(r.uint8()),
  106: (m, r) => m.get(r.uint32()),
  112: (m, r) => m.put(Number(r.line())),
  113: (m, r) => m.put(r.uint8()),
  114: (m, r) => m.put(r.uint32()),
  148: (m) => m.put(),
  99: (m, r) => {
    const module = r.line();
    m.global(module, r.line());
  },
  147: (m) => {
    const [module, name] = lastOf(m, 2);
    m.global(module, name);
  },
  82: (m) => {
    const args = m.pop();
    m.call(m.pop(), args);
  },
  129: (m) => {
    const args = m.pop();
    m.call(m.pop(), args);
  },
  146: (m) => {
    const [callee, args] = lastOf(m, 3);
    m.call(callee, args);
  },
  105: (m, r) => {
    const module = r.line();
    m.global(module, r.line());
    const callee = m.pop();
    m.call(callee, m.popMark());
  },
  111: (m) => {
    const [callee, ...args] = m.popMark();
    m.call(callee, args);
  },
  98: (m) => m.build(),
  80: (m, r) => m.persistent(r.line()),
  81: (m) => m.persistent(m.pop()),
};
