// Real object stores for tests, by name: each starts on a free port of the loopback with a bucket
// that is empty, and says by which URL and environment `openObjectStore()` reaches it. `azurite`
// comes with npm and `fake-s3` is ours; the others are programs that test/lanes/stores installs.
import { startAzurite } from './azurite.ts'
import type { StoreServer } from './child.ts'
import { startFakeGcs } from './fake-gcs.ts'
import { startFakeS3Server } from './fake-s3.ts'
import { startRgw } from './rgw.ts'
import { startVersityGw } from './versitygw.ts'

export type { StoreServer }

const SERVERS = {
  azurite: startAzurite,
  'fake-s3': startFakeS3Server,
  'fake-gcs-server': startFakeGcs,
  rgw: startRgw,
  versitygw: startVersityGw,
}

/** The stores that can be started. */
export type StoreServerName = keyof typeof SERVERS

/** Starts a store; fails with the server's last words when it does not come up. */
export const startStoreServer = (name: StoreServerName): Promise<StoreServer> => SERVERS[name]()
