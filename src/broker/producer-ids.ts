// Hands out producer ids from a block that the controller gave to this broker alone. Ids left over
// at the end of the process are lost, which costs nothing: there are 2^53.
import type { ProducerIdBlock } from '../cluster/decide-brokers.ts'

/** Gives producer ids, each once in the life of the cluster. */
export class ProducerIds {
  readonly #allocate: () => Promise<ProducerIdBlock>
  #next = 0
  #end = 0
  #refill: Promise<void> | null = null

  /** `allocate` asks the controller for a block. */
  constructor(allocate: () => Promise<ProducerIdBlock>) {
    this.#allocate = allocate
  }

  /** The next id. Fails as `allocate` does. All callers who wait share one refill. */
  async next(): Promise<number> {
    while (this.#next >= this.#end) {
      this.#refill ??= this.#fill()
      await this.#refill
    }
    return this.#next++
  }

  async #fill(): Promise<void> {
    try {
      const { first, count } = await this.#allocate()
      this.#next = first
      this.#end = first + count
    } finally {
      this.#refill = null
    }
  }
}
