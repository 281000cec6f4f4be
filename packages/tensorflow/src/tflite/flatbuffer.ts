import { ByteBuffer } from "flatbuffers";
import { TensorflowError } from "../errors.ts";

/** Tables of one FlatBuffer, every offset checked against the file before it is followed (https://flatbuffers.dev/internals). */
export class FlatTable {
  readonly #buffer: ByteBuffer;
  readonly #position: number;
  readonly #vtable: number;
  readonly #vtableSize: number;
  readonly #file: FileState;

  private constructor(buffer: ByteBuffer, position: number, file: FileState) {
    this.#buffer = buffer;
    this.#file = file;
    this.#position = this.#inside(position, 4);
    this.#vtable = this.#inside(position - buffer.readInt32(position), 4);
    this.#vtableSize = buffer.readUint16(this.#vtable);
    this.#inside(this.#vtable, this.#vtableSize);
  }

  /** @throws TensorflowError for bytes without the identifier of their format */
  static root(bytes: Uint8Array, identifier: string, where: string): FlatTable {
    const buffer = new ByteBuffer(bytes);
    if (bytes.length < 8 || !buffer.__has_identifier(identifier)) {
      throw new TensorflowError({
        code: "tensorflow/format",
        what: `expected a FlatBuffer with the identifier '${identifier}' at byte 4, received another file`,
        where,
      });
    }
    return new FlatTable(buffer, buffer.readUint32(0), { where, budget: 4 * bytes.length });
  }

  int(field: number, missing = 0): number {
    const at = this.#field(field, 4);
    return at === undefined ? missing : this.#buffer.readInt32(at);
  }

  uint(field: number): number {
    const at = this.#field(field, 4);
    return at === undefined ? 0 : this.#buffer.readUint32(at);
  }

  byte(field: number, missing = 0): number {
    const at = this.#field(field, 1);
    return at === undefined ? missing : this.#buffer.readInt8(at);
  }

  ubyte(field: number): number {
    const at = this.#field(field, 1);
    return at === undefined ? 0 : this.#buffer.readUint8(at);
  }

  bool(field: number): boolean {
    return this.byte(field) !== 0;
  }

  float(field: number, missing = 0): number {
    const at = this.#field(field, 4);
    return at === undefined ? missing : this.#buffer.readFloat32(at);
  }

  /** Exact up to 2^53. */
  ulong(field: number): number {
    const at = this.#field(field, 8);
    return at === undefined ? 0 : Number(this.#buffer.readUint64(at));
  }

  string(field: number): string {
    const bytes = this.bytes(field);
    if (bytes === undefined) return "";
    this.#spend(bytes.length);
    return new TextDecoder().decode(bytes);
  }

  table(field: number): FlatTable | undefined {
    const at = this.#field(field, 4);
    return at === undefined ? undefined : this.#at(at);
  }

  tables(field: number): FlatTable[] {
    const { start, count } = this.#vector(field, 4);
    return Array.from({ length: count }, (_, i) => this.#at(start + 4 * i));
  }

  ints(field: number): number[] {
    const { start, count } = this.#vector(field, 4);
    return Array.from({ length: count }, (_, i) => this.#buffer.readInt32(start + 4 * i));
  }

  floats(field: number): number[] {
    const { start, count } = this.#vector(field, 4);
    return Array.from({ length: count }, (_, i) => this.#buffer.readFloat32(start + 4 * i));
  }

  longs(field: number): number[] {
    const { start, count } = this.#vector(field, 8);
    return Array.from({ length: count }, (_, i) => Number(this.#buffer.readInt64(start + 8 * i)));
  }

  /** A view of the file. */
  bytes(field: number): Uint8Array | undefined {
    if (this.#field(field, 4) === undefined) return undefined;
    const { start, count } = this.#place(field, 1);
    return this.#buffer.bytes().subarray(start, start + count);
  }

  #at(offset: number): FlatTable {
    return new FlatTable(this.#buffer, offset + this.#buffer.readUint32(offset), this.#file);
  }

  /** Where a field of so many bytes lies; undefined for one that has its default. */
  #field(field: number, size: number): number | undefined {
    const entry = 4 + 2 * field;
    if (entry + 2 > this.#vtableSize) return undefined;
    const offset = this.#buffer.readUint16(this.#vtable + entry);
    return offset === 0 ? undefined : this.#inside(this.#position + offset, size);
  }

  /** A vector that is copied. */
  #vector(field: number, size: number): { readonly start: number; readonly count: number } {
    const place = this.#place(field, size);
    this.#spend(place.count * size);
    return place;
  }

  #place(field: number, size: number): { readonly start: number; readonly count: number } {
    const at = this.#field(field, 4);
    if (at === undefined) return { start: 0, count: 0 };
    const start = this.#inside(at + this.#buffer.readUint32(at), 4) + 4;
    const count = this.#buffer.readUint32(start - 4);
    this.#inside(start, count * size);
    return { start, count };
  }

  /** Many tables may name one long vector: together they may not copy much more than the file has. */
  #spend(size: number): void {
    this.#file.budget -= size;
    if (this.#file.budget >= 0) return;
    throw new TensorflowError({
      code: "tensorflow/damaged",
      what: "damaged: its tables share one another's contents",
      where: this.#file.where,
    });
  }

  #inside(position: number, size: number): number {
    if (position >= 0 && position + size <= this.#buffer.capacity()) return position;
    throw new TensorflowError({
      code: "tensorflow/damaged",
      what: `damaged: bytes ${position} to ${position + size} are needed, and the file has ${this.#buffer.capacity()}`,
      where: this.#file.where,
    });
  }
}

interface FileState {
  readonly where: string;
  /** Bytes that may still be copied. */
  budget: number;
}
