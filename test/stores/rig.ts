// Rigs of the contract suite on real servers: each opens its bucket by URL, as a broker does, or by
// an adapter that is made for Workers.
import { openObjectStore } from '../../adapters/object-store/open.ts'
import type { ObjectStore } from '../../src/ports/object-store.ts'
import type { StoreRig } from '../contract/object-store.ts'
import { startTamperer, type Tamperer } from './tamper.ts'
import { startStoreServer, type StoreServer, type StoreServerName } from './server.ts'

/** What the servers are known to do. */
const KNOWN: Readonly<Record<StoreServerName, Omit<StoreRig, 'open' | 'close'>>> = {
  azurite: { joinsConditionally: true, tokensAlwaysChange: true, signed: 'checked' },
  'fake-s3': { joinsConditionally: true, tokensAlwaysChange: false, signed: 'checked' },
  'fake-gcs-server': {
    ...{ joinsConditionally: true, tokensAlwaysChange: true, signed: 'unchecked' },
    tellsBucketWhenRead: false,
  },
  rgw: {
    ...{ joinsConditionally: false, tokensAlwaysChange: false, signed: 'checked' },
    swapsMayBeBusy: true,
  },
  versitygw: {
    ...{ joinsConditionally: true, tokensAlwaysChange: false, signed: 'checked' },
    foldersAreFiles: true,
  },
}

/** Opens a store at a URL with an environment. */
export type OpenStore = (
  url: string,
  environment: Readonly<Record<string, string>>,
) => Promise<ObjectStore>

/** A rig on a server of its own, below a prefix of its own. */
export async function serverRig(
  name: StoreServerName,
  open: OpenStore = openObjectStore,
): Promise<StoreRig> {
  return rigOn(name, await startStoreServer(name), open)
}

/** A rig on a server that runs, which is stopped with it. */
export function rigOn(
  name: StoreServerName,
  server: StoreServer,
  open: OpenStore = openObjectStore,
): StoreRig {
  const { url, environment, wrongEnvironment } = server
  const below = url.replace('?', `/in/${crypto.randomUUID()}?`)
  let tamperer: Tamperer | null = null
  const absent = url.replace(/(bucket|container)(?=\?)/, 'absent-$1')
  return {
    ...KNOWN[name],
    open: () => open(below, environment),
    openAbsent: () => open(absent, environment),
    openTampered: async () => {
      const port = Number(/endpoint=http:\/\/[^:/]+:(\d+)/.exec(url)?.[1])
      tamperer ??= await startTamperer(port)
      const through = below.replace(`:${String(port)}`, `:${String(tamperer.port)}`)
      return { store: await open(through, environment), altered: tamperer.altered }
    },
    ...(wrongEnvironment && { openWrong: () => open(below, wrongEnvironment) }),
    close: async () => {
      await tamperer?.stop()
      await server.stop()
    },
  }
}
