/** The release that this code is; package.json says the same, and a test holds them together. */
export const release = '0.1.0'
