/**
 * Branded types: a `KeyId` and an `IndicationId` are both strings, and the compiler keeps them apart.
 */
declare const brand: unique symbol
export type Brand<T, Name extends string> = T & { readonly [brand]: { readonly [K in Name]: true } }

/** Milliseconds since the Unix epoch, or a span of them where the name ends in `Ms`. */
export type Millis = number

/** SHA-256 of a record's domain and body, lower-case base32 without padding, 52 characters. */
export type RecordId = Brand<string, 'RecordId'>
/** The record id of an indication. */
export type IndicationId = RecordId & Brand<string, 'IndicationId'>
/** The record id of a mesh's first charter. */
export type MeshId = RecordId & Brand<string, 'MeshId'>
/** A raw Ed25519 public key (32 bytes), lower-case base32 without padding, 52 characters. */
export type KeyId = Brand<string, 'KeyId'>
/** 16 random bytes that tell one life of an author's log from another, base32, 26 characters. */
export type Incarnation = Brand<string, 'Incarnation'>
