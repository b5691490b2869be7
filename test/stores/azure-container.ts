// Makes a container on an emulator of a test; the adapters never do, they are given theirs.
import { authorize } from '../../adapters/object-store/azure/auth.ts'

/** Creates `container`. */
export async function createContainer(options: {
  readonly endpoint: string
  readonly account: string
  readonly key: string
  readonly container: string
}): Promise<void> {
  const { endpoint, account, key, container } = options
  const url = `${endpoint}/${container}?restype=container`
  const signal = AbortSignal.timeout(10_000)
  const request = { method: 'PUT', url, headers: {} } as const
  const { headers } = await authorize({ kind: 'key', account, key }, request, signal)
  const made = await fetch(url, { method: 'PUT', headers, signal })
  if (!made.ok) throw new Error(`no container: ${String(made.status)} ${await made.text()}`)
}
