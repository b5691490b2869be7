import { expect, it } from 'vitest'
import { runInWorkerd } from '../../stores/workerd.ts'
import { workerSteps } from '../../stores/worker-steps.ts'
import { startStoreServer } from '../../stores/server.ts'

it('openFetchS3Store() runs in workerd, on versitygw', async () => {
  const server = await startStoreServer('versitygw')
  try {
    const { host: bucket, searchParams } = new URL(server.url)
    const options = {
      ...{ bucket, endpoint: searchParams.get('endpoint'), region: searchParams.get('region') },
      accessKeyId: server.environment['AWS_ACCESS_KEY_ID'],
      secretAccessKey: server.environment['AWS_SECRET_ACCESS_KEY'],
    }
    expect(await runInWorkerd({ kind: 's3', options })).toEqual(workerSteps(true))
  } finally {
    await server.stop()
  }
})

it('openFetchGcsStore() runs in workerd, on fake-gcs-server', async () => {
  const server = await startStoreServer('fake-gcs-server')
  try {
    const { host: bucket, searchParams } = new URL(server.url)
    const options = { bucket, endpoint: searchParams.get('endpoint') }
    expect(await runInWorkerd({ kind: 'gcs', options })).toEqual(workerSteps(true))
  } finally {
    await server.stop()
  }
})
