// Which version this is: a built package has no package.json where its sources would look for it.
/** As in package.json. */
export const VERSION = '0.1.0'
