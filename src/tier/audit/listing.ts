// A listing of any length as one sequence, a page at a time.
import type { ListedObject, ObjectStore } from '../../ports/object-store.ts'

const PAGE = 1_000

/** Every object whose key begins with `prefix`, in the order of the keys. */
export async function* listAll(
  store: ObjectStore,
  prefix: string,
): AsyncGenerator<ListedObject, void, undefined> {
  let cursor: string | null = null
  do {
    const from: { cursor?: string } = cursor === null ? {} : { cursor }
    const page = await store.list({ prefix, limit: PAGE, ...from })
    yield* page.objects
    cursor = page.next
  } while (cursor !== null)
}
