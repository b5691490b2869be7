// Answers of most admin APIs have a code for each thing asked and none for the whole. A request
// that fails as a whole is then answered with the same code for each of its things.
import { ErrorCode } from '../base/error-codes.ts'
import { KafkaError, OperatingError } from '../base/errors.ts'

/** What a client is told when the metadata log did not take a change, or nobody knows if it did. */
const fromLog = (error: OperatingError): KafkaError | null => {
  if (error.kind === 'retry' || error.kind === 'closed') {
    return new KafkaError(ErrorCode.NOT_CONTROLLER, error.message)
  }
  // It may have happened or not: clients look before they try again.
  if (error.kind === 'fenced') return new KafkaError(ErrorCode.REQUEST_TIMED_OUT, error.message)
  return null
}

/**
 * The value of `work`, or the KafkaError it failed with; failures of the metadata log that a client
 * can do something about are told as one. Other failures pass through.
 */
export const orRefusal = <T>(work: Promise<T>): Promise<T | KafkaError> =>
  work.catch((error: unknown) => {
    if (error instanceof KafkaError) return error
    const told = error instanceof OperatingError ? fromLog(error) : null
    if (told !== null) return told
    throw error
  })
