import { describe, expect, it } from 'vitest'
import { runInWorkerd, workerModules } from '../stores/workerd.ts'
import { workerSteps } from '../stores/worker-steps.ts'
import { startStoreServer } from '../stores/server.ts'

describe('the stores for Workers', () => {
  it('import nothing of Node, and few modules', () => {
    const paths = workerModules().map(({ path }) => path)
    expect(paths.filter((path) => /node|\/s3\.ts|\/gcs\.ts|\/azure\.ts/.test(path))).toEqual([])
    expect(paths.length).toBeGreaterThan(10)
  })

  it('openR2Store() runs in workerd', async () => {
    expect(await runInWorkerd({ kind: 'r2' })).toEqual(workerSteps(true))
  })

  it('openFetchAzureStore() runs in workerd', async () => {
    const server = await startStoreServer('azurite')
    try {
      const { host: account, searchParams } = new URL(server.url)
      const endpoint = searchParams.get('endpoint') ?? ''
      const key = server.environment['AZURE_STORAGE_KEY'] ?? ''
      const options = {
        ...{ account, container: 'container', endpoint },
        credentials: { kind: 'key', account, key },
      }
      expect(await runInWorkerd({ kind: 'azure', options })).toEqual(workerSteps(true))
    } finally {
      await server.stop()
    }
  })
})
