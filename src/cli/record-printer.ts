// Records as output: raw values byte for byte, key and value in a line, or one JSON object per
// record. Output is gathered into large writes; `flush` gives out what is gathered.
import type { BatchRecord } from '../record/reader.ts'
import type { Sink } from './io.ts'

/** The formats, the default first. */
export const FORMATS = ['raw', 'kv', 'json'] as const

/** How to print. */
export interface PrintOptions {
  readonly format: (typeof FORMATS)[number]
  /** Whether a raw value is followed by a line feed. */
  readonly newline: boolean
  readonly keySeparator: string
}

const WRITE_BYTES = 256 * 1024
const NOTHING = new Uint8Array(0)
const encoder = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** Prints records to one sink. */
export class RecordPrinter {
  /** Records and bytes printed so far. */
  records = 0
  bytes = 0
  readonly #sink: Sink
  readonly #format: PrintOptions['format']
  readonly #end: Uint8Array
  readonly #separator: Uint8Array
  #buffer: Uint8Array = new Uint8Array(WRITE_BYTES)
  #used = 0

  constructor(sink: Sink, options: PrintOptions) {
    this.#sink = sink
    this.#format = options.format
    this.#end = encoder.encode(options.newline || options.format !== 'raw' ? '\n' : '')
    this.#separator = encoder.encode(options.keySeparator)
  }

  /** Takes a copy of the record's bytes; returns a promise when the caller should wait. */
  print(record: BatchRecord, partition: number): Promise<void> | undefined {
    this.records += 1
    if (this.#format === 'json') this.#put(encoder.encode(jsonLine(record, partition)))
    else {
      if (this.#format === 'kv') {
        this.#put(record.key ?? NOTHING)
        this.#put(this.#separator)
      }
      this.#put(record.value ?? NOTHING)
    }
    this.#put(this.#end)
    return this.#used >= WRITE_BYTES ? this.flush() : undefined
  }

  /** Writes what is gathered; resolves when the sink takes more. */
  async flush(): Promise<void> {
    if (this.#used === 0) return
    const bytes = this.#buffer.subarray(0, this.#used)
    this.#buffer = new Uint8Array(WRITE_BYTES) // the sink may still hold the old one
    this.#used = 0
    await this.#sink.write(bytes)
  }

  #put(bytes: Uint8Array): void {
    const end = this.#used + bytes.length
    if (end > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(end, this.#buffer.length * 2))
      grown.set(this.#buffer.subarray(0, this.#used))
      this.#buffer = grown
    }
    this.#buffer.set(bytes, this.#used)
    this.#used = end
    this.bytes += bytes.length
  }
}

/** Keys, values and headers as text where they are UTF-8, else as `{"base64": …}`. */
function jsonLine(record: BatchRecord, partition: number): string {
  return JSON.stringify({
    partition,
    offset: record.offset,
    timestamp: record.timestampMs,
    key: jsonBytes(record.key),
    value: jsonBytes(record.value),
    headers: record.headers.map(({ key, value }) => [jsonBytes(key), jsonBytes(value)]),
  })
}

function jsonBytes(bytes: Uint8Array | null): string | null | { readonly base64: string } {
  if (bytes === null) return null
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return { base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64') }
  }
}
