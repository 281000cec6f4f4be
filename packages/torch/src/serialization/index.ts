export { SerializationError } from "./errors.ts";
export { type LoadPthOptions, loadPth } from "./pth.ts";
export {
  deserializeSafetensors,
  type LoadSafetensorsOptions,
  loadSafetensors,
  type SafetensorsFile,
  saveSafetensors,
  serializeSafetensors,
} from "./safetensors.ts";
export { type PackedTree, type PackTreeOptions, packTree, unpackTree } from "./tree.ts";
export { OpaqueObject, PythonGlobal } from "./unpickler.ts";
