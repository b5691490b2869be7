// The S3 server that rows of the tier run against, and the same work done by the SDK alone: what
// the tier is held against. Both see the same server on the same machine.
import { start, run } from '../process.ts'
import { ROOT } from '../targets/target.ts'

/** What the server takes for good credentials. */
export const KEYS = { accessKeyId: 'access-for-tests', secretAccessKey: 'secret-for-tests' }

const NODE = [process.execPath, '--disable-warning=ExperimentalWarning']

/** A store that runs. */
export interface BenchStore {
  readonly url: string
  readonly endpoint: string
  stop(): Promise<void>
}

/** Starts an S3 server whose answers take `delayMs` longer. */
export async function startStore(delayMs: number): Promise<BenchStore> {
  const script = 'test/bench/tier/store-process.ts'
  const { running, match } = await start(
    [...NODE, '--max-old-space-size=8192', script, '--delay', String(delayMs)],
    { ready: /ready endpoint=(\S+)/, cwd: ROOT },
  )
  const endpoint = match[1] ?? ''
  // The broker takes its credentials from the environment that it is started with.
  process.env['AWS_ACCESS_KEY_ID'] = KEYS.accessKeyId
  process.env['AWS_SECRET_ACCESS_KEY'] = KEYS.secretAccessKey
  const url = `s3://bucket?endpoint=${endpoint}&region=us-east-1&pathStyle=true`
  return { url, endpoint, stop: () => running.stop() }
}

/** What the SDK alone does with the same bytes: MB/s, and CPU seconds for 100 MB. */
export interface SdkFigures {
  readonly mbPerS: number
  readonly cpuPer100Mb: number
}

/** Writes, or reads, `mib` MiB in objects of 64 MiB by the SDK alone, in a process of its own. */
export async function bySdkAlone(
  store: BenchStore,
  what: 'write' | 'read',
  mib: number,
): Promise<SdkFigures> {
  const words = ['test/bench/tier/sdk-process.ts', store.endpoint, what, String(mib)]
  return JSON.parse(await run([...NODE, ...words], ROOT)) as SdkFigures
}
