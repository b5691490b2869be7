// Answers of most admin APIs have a code for each thing asked and none for the whole. A request
// that fails as a whole is then answered with the same code for each of its things.
import { KafkaError } from '../base/errors.ts'

/** The value of `work`, or the KafkaError it failed with. Other failures pass through. */
export const orRefusal = <T>(work: Promise<T>): Promise<T | KafkaError> =>
  work.catch((error: unknown) => {
    if (error instanceof KafkaError) return error
    throw error
  })
