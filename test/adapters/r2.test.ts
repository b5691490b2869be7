import { Miniflare } from 'miniflare'
import { openR2Store, type R2Binding } from '../../adapters/object-store/r2.ts'
import { objectStoreContract } from '../contract/object-store.ts'

objectStoreContract('openR2Store() on Miniflare', async () => {
  const miniflare = new Miniflare({
    modules: true,
    script: 'export default { fetch: () => new Response() }',
    r2Buckets: ['BUCKET'],
    compatibilityDate: '2026-06-01',
  })
  const bucket = (await miniflare.getR2Bucket('BUCKET')) as unknown as R2Binding
  return {
    open: async () => openR2Store(bucket, 'bucket'),
    joinsConditionally: false,
    tokensAlwaysChange: false,
    manyKeys: 120,
    close: () => miniflare.dispose(),
  }
})
