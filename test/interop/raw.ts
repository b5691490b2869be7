// A connection without a client: bytes as they are, for what clients send and our tables would not.
import { once } from 'node:events'
import * as net from 'node:net'
import { decodeBytes, encodeBytes } from '../../src/wire/codec.ts'
import type { Input, Schema } from '../../src/wire/schema.ts'

/** A frame whose header, of version 1, names no client. */
export function frame(
  api: { readonly key: number; readonly version: number; readonly flexible: boolean },
  body: Uint8Array,
): Uint8Array {
  const header = Buffer.alloc(api.flexible ? 15 : 14)
  header.writeInt32BE(header.length - 4 + body.length, 0)
  header.writeInt16BE(api.key, 4)
  header.writeInt16BE(api.version, 6)
  header.writeInt32BE(7, 8)
  header.writeInt16BE(-1, 12)
  return Buffer.concat([header, body])
}

/** A frame of a message. */
export function frameOf<T>(
  schema: Schema<T>,
  api: { readonly version: number; readonly flexible: boolean },
  message: Input<T>,
): Uint8Array {
  const body = encodeBytes(schema, api.version, message)
  return frame({ key: schema.key ?? -1, ...api }, body)
}

/** Sends frames on a connection of their own and closes it at once, reading nothing. */
export async function sendAndClose(port: number, frames: readonly Uint8Array[]): Promise<void> {
  const socket = net.connect({ host: '127.0.0.1', port })
  await once(socket, 'connect')
  socket.end(Buffer.concat(frames))
  socket.resume()
  await once(socket, 'close')
}

/** Sends frames and gives back the body of the first answer; throws if the broker closes before. */
export async function ask(
  port: number,
  frames: readonly Uint8Array[],
  headerBytes = 4,
): Promise<Uint8Array> {
  const socket = net.connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    socket.write(Buffer.concat(frames))
    let got = Buffer.alloc(0)
    for await (const chunk of socket) {
      got = Buffer.concat([got, chunk as Buffer])
      if (got.length >= 4 && got.length >= 4 + got.readInt32BE(0)) {
        return got.subarray(4 + headerBytes, 4 + got.readInt32BE(0))
      }
    }
    throw new Error('the broker closed the connection')
  } finally {
    socket.destroy()
  }
}

/** As `ask`, decoded. */
export async function askFor<T>(
  port: number,
  frames: readonly Uint8Array[],
  answer: { readonly schema: Schema<T>; readonly version: number; readonly flexible: boolean },
): Promise<T> {
  const body = await ask(port, frames, answer.flexible ? 5 : 4)
  return decodeBytes(answer.schema, answer.version, body)
}
