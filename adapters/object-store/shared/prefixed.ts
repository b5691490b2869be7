// A part of a bucket as a store of its own: every key is below a prefix that its users never see.
// The only place that knows of prefixes, so that adapters know buckets alone.
import { assert } from '../../../src/base/assert.ts'
import type { ObjectStore } from '../../../src/ports/object-store.ts'

/**
 * `store` below `prefix`, which ends with `/`; `store` itself where it is empty. Closing the result
 * closes `store`.
 */
export function prefixed(store: ObjectStore, prefix: string): ObjectStore {
  if (prefix === '') return store
  assert(prefix.endsWith('/') && !prefix.startsWith('/'), 'A prefix is a folder: a/b/')
  const { dropUploads, sign } = store
  return {
    traits: { ...store.traits, url: `${store.traits.url}/${prefix.replace(/\/$/, '')}` },
    put: (key, body, options) => store.put(prefix + key, body, options),
    get: (key, options) => store.get(prefix + key, options),
    head: (key, call) => store.head(prefix + key, call),
    list: async (options) => {
      const page = await store.list({ ...options, prefix: prefix + options.prefix })
      const objects = page.objects.map((found) => ({
        ...found,
        key: found.key.replace(prefix, ''),
      }))
      return { objects, next: page.next }
    },
    delete: (keys, call) =>
      store.delete(
        keys.map((key) => prefix + key),
        call,
      ),
    ...(dropUploads && {
      dropUploads: (below, beforeMs, call) =>
        dropUploads.call(store, prefix + below, beforeMs, call),
    }),
    ...(sign && { sign: (key, ttlMs) => sign.call(store, prefix + key, ttlMs) }),
    close: () => store.close(),
  }
}
