// The composite fields of metadata records: text, lists and ids. Lengths come from a log that other
// brokers wrote, so each is checked against the bytes left before anything is allocated for it.
import { FormatError } from '../base/errors.ts'
import type { Reader } from '../base/reader.ts'
import type { Writer } from '../base/writer.ts'

const utf8 = new TextEncoder()

/** Text as `uvarint bytes, UTF-8`. */
export const writeText = (writer: Writer, text: string): void => {
  const bytes = utf8.encode(text)
  writer.uvarint(bytes.length)
  writer.raw(bytes)
}

/** The mirror of `writeText`. */
export const readText = (reader: Reader): string => reader.text(reader.uvarint())

/** Text that may be null: the length counts one more, and 0 is null. */
export const writeNullableText = (writer: Writer, text: string | null): void => {
  if (text === null) return writer.uvarint(0)
  const bytes = utf8.encode(text)
  writer.uvarint(bytes.length + 1)
  writer.raw(bytes)
}

/** The mirror of `writeNullableText`. */
export const readNullableText = (reader: Reader): string | null => {
  const length = reader.uvarint()
  return length === 0 ? null : reader.text(length - 1)
}

/** A list as `uvarint items`, then the items. */
export const writeList = <T>(
  writer: Writer,
  items: readonly T[],
  write: (item: T) => void,
): void => {
  writer.uvarint(items.length)
  for (const item of items) write(item)
}

/** The mirror of `writeList`. Throws FormatError before it allocates for a count that lies. */
export const readList = <T>(reader: Reader, read: () => T): T[] => {
  const count = reader.uvarint()
  if (count > reader.left) throw new FormatError('A list is longer than its record')
  return Array.from({ length: count }, read)
}

/** A list of broker ids. */
export const writeIds = (writer: Writer, ids: readonly number[]): void =>
  writeList(writer, ids, (id) => writer.varint(id))

/** The mirror of `writeIds`. */
export const readIds = (reader: Reader): number[] => readList(reader, () => reader.varint())
