import type { InputDefault } from "./elements.ts";

/** A config of the tree of defaults, with the entries of its own defaults list. */
export class DefaultsTreeNode {
  node: InputDefault;
  children: (DefaultsTreeNode | InputDefault)[] | undefined;
  readonly parent: DefaultsTreeNode | undefined;

  constructor(node: InputDefault, parent?: DefaultsTreeNode, children?: (DefaultsTreeNode | InputDefault)[]) {
    this.node = node;
    this.parent = parent;
    this.children = children;
  }
}
