// fake-gcs-server, an emulator of Google Cloud Storage in Go, in memory. It keeps generations and
// conditions; it looks at no credentials and no signatures. Found on the PATH; test/lanes/stores
// builds it.
import { freePort, startChild, type StoreServer } from './child.ts'

/** Starts fake-gcs-server with one bucket. */
export async function startFakeGcs(): Promise<StoreServer> {
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${String(port)}`
  const child = await startChild(
    [
      ...['fake-gcs-server', '-scheme', 'http', '-host', '127.0.0.1', '-port', String(port)],
      ...['-backend', 'memory', '-external-url', endpoint, '-log-level', 'error'],
      ...['-public-host', `127.0.0.1:${String(port)}`],
    ] as [string, ...string[]],
    { port },
  )
  const made = await fetch(`${endpoint}/storage/v1/b?project=tests`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bucket' }),
  })
  if (!made.ok) throw new Error(`no bucket: ${await made.text()}`)
  return { url: `gs://bucket?endpoint=${endpoint}`, environment: {}, stop: () => child.stop() }
}
