// What a check of a bucket comes out as: whether the tier can count on something there, in a word
// for programs and a sentence for people. The sentence names what was seen and, where it is not
// well, what to do; it never holds a secret.

/**
 * What one check found. `no` is what the tier cannot do without, `warn` what somebody should know;
 * the text then says what to do.
 */
export interface Finding {
  readonly check: string
  readonly verdict: 'ok' | 'warn' | 'no'
  readonly text: string
}

/** A finding before it has the name of its check. */
export type Verdict = Omit<Finding, 'check'>
