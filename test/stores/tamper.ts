// A network that alters one byte of what passes towards a server, once in a while: where it finds
// a run of asterisks. TLS would notice; a bad cable, a bad proxy or bad memory would not be.
import { connect, createServer, type Socket } from 'node:net'

/** What a body must hold to be altered, many in a row. */
const TAMPERED = 0x2a
/** Bytes of a connection between two that are altered. */
const EVERY_BYTES = 200_000
const RUN = new Uint8Array(64).fill(TAMPERED)

/** A proxy that runs. */
export interface Tamperer {
  readonly port: number
  /** Bytes that were altered so far. */
  altered(): number
  stop(): Promise<void>
}

/** Starts a proxy towards a port of the loopback. */
export async function startTamperer(towards: number): Promise<Tamperer> {
  const sockets = new Set<Socket>()
  let altered = 0
  const server = createServer((near) => {
    const far = connect(towards, '127.0.0.1')
    let untouched = EVERY_BYTES
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (chunk: Buffer) => {
      untouched += chunk.length
      const at = untouched < EVERY_BYTES ? -1 : chunk.indexOf(RUN)
      if (at >= 0) {
        chunk[at + 7] = TAMPERED + 1
        altered++
        untouched = 0
      }
      far.write(chunk)
    })
    far.pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    altered: () => altered,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
