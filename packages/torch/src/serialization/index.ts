export { digestOffset, digestPlaceholder } from "./digest.ts";
export { SerializationError } from "./errors.ts";
export { type LoadPthOptions, loadPth } from "./pth.ts";
export {
  deserializeSafetensors,
  type LoadSafetensorsOptions,
  layOutTensors,
  loadSafetensors,
  readSafetensorsHeader,
  type SafetensorsFile,
  saveSafetensors,
  serializeSafetensors,
} from "./safetensors.ts";
export { encodeHeader, inByteOrder, type SafetensorsHeader, type TensorEntry } from "./safetensors-header.ts";
export { type PackedTree, type PackTreeOptions, packTree, unpackTree } from "./tree.ts";
export { OpaqueObject, PythonGlobal } from "./unpickler.ts";
