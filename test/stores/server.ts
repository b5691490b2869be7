// Real object stores for tests, by name: each starts on a free port of the loopback with a bucket
// that is empty, and says by which URL and environment `openObjectStore()` reaches it. `azurite`
// comes with npm; the others are programs that test/lanes/stores installs.
import { startAzurite } from './azurite.ts'
import { startFakeGcs } from './fake-gcs.ts'
import { startRgw } from './rgw.ts'
import { startVersityGw } from './versitygw.ts'

/** A store that runs. */
export interface StoreServer {
  /** Of an empty bucket, for `openObjectStore()`. */
  readonly url: string
  /** Credentials, by the names that the providers' own tools read. */
  readonly environment: Readonly<Record<string, string>>
  /** The same with credentials that are wrong; absent where none are looked at. */
  readonly wrongEnvironment?: Readonly<Record<string, string>>
  stop(): Promise<void>
}

const SERVERS = {
  azurite: startAzurite,
  'fake-gcs-server': startFakeGcs,
  rgw: startRgw,
  versitygw: startVersityGw,
}

/** The stores that can be started. */
export type StoreServerName = keyof typeof SERVERS

/** Starts a store; fails with the server's last words when it does not come up. */
export const startStoreServer = (name: StoreServerName): Promise<StoreServer> => SERVERS[name]()
