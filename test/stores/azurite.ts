// Azurite, Microsoft's emulator of Azure Blob Storage, in memory. It checks shared keys, SAS and
// MD5 sums. Its main file is started directly: npx would leave a child behind.
import { createRequire } from 'node:module'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { freePort, scratch, startChild, type StoreServer } from './child.ts'

/** The account and key that Azurite is documented to have. */
const ACCOUNT = 'devstoreaccount1'
const KEY =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

/** Starts Azurite with one container. */
export async function startAzurite(): Promise<StoreServer> {
  const require = createRequire(import.meta.url)
  const main = join(dirname(require.resolve('azurite/package.json')), 'dist/src/blob/main.js')
  const directory = scratch('azurite')
  const port = await freePort()
  const child = await startChild(
    [
      ...[process.execPath, main, '--blobHost', '127.0.0.1', '--blobPort', String(port)],
      ...['--inMemoryPersistence', '--disableTelemetry', '--skipApiVersionCheck', '--silent'],
    ] as [string, ...string[]],
    { port, directory },
  )
  const endpoint = `http://127.0.0.1:${String(port)}/${ACCOUNT}`
  const environment = { AZURE_STORAGE_KEY: KEY }
  const { createContainer } = await import('./azure-container.ts')
  await createContainer({ endpoint, account: ACCOUNT, key: KEY, container: 'container' })
  return {
    url: `az://${ACCOUNT}/container?endpoint=${endpoint}`,
    environment,
    wrongEnvironment: { AZURE_STORAGE_KEY: Buffer.from('another').toString('base64') },
    stop: async () => {
      await child.stop()
      fs.rmSync(directory, { recursive: true, force: true })
    },
  }
}
