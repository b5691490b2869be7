// The Network port: picks the transport that is fastest on the runtime at hand, and makes
// 'localhost' mean both loopback addresses, because clients resolve it to ::1 first [W15]. Node and
// Bun use node:net; Deno uses its own sockets, because its node:net starves connections.
import { OperatingError } from '../base/errors.ts'
import type { Connection, ConnectionHandler, Listener, Network } from '../ports/network.ts'
import { denoConnect, denoListen } from './deno-socket.ts'
import { nodeConnect, nodeListen } from './node-socket.ts'

/** Where to listen or whom to call. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Makes the handler of a new connection. Called before any of the connection's bytes. */
export type Accept = (connection: Connection) => ConnectionHandler

type Listen = (address: Address, accept: Accept) => Promise<Listener>
type Connect = (address: Address, open: Accept) => Promise<Connection>

/** How often a free port is asked for that is free on both loopback addresses. */
const LOCALHOST_TRIES = 10

/** The process's network. */
export const createNetwork = (): Network => {
  const isDeno = 'Deno' in globalThis
  const listen: Listen = isDeno ? denoListen : nodeListen
  const connect: Connect = isDeno ? denoConnect : nodeConnect
  return {
    listen: (address, accept) =>
      address.host === 'localhost'
        ? listenLocalhost(listen, address, accept)
        : listen(address, accept),
    connect,
  }
}

const listenLocalhost = async (
  listen: Listen,
  address: Address,
  accept: Accept,
): Promise<Listener> => {
  for (let tries = 1; ; tries++) {
    const four = await listen({ host: '127.0.0.1', port: address.port }, accept)
    try {
      const six = await listen({ host: '::1', port: four.port }, accept)
      return both(four, six)
    } catch (error) {
      // A host without IPv6 is served on IPv4 alone.
      if (error instanceof OperatingError && error.kind === 'absent') return both(four, null)
      await four.close()
      if (address.port !== 0 || tries === LOCALHOST_TRIES) throw error
    }
  }
}

const both = (four: Listener, six: Listener | null): Listener => ({
  host: 'localhost',
  port: four.port,
  close: async () => {
    await Promise.all([four.close(), six?.close()])
  },
})
