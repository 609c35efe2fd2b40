import { apple } from './catalogue/apple.ts'
import { facebook } from './catalogue/facebook.ts'
import { github } from './catalogue/github.ts'
import { google } from './catalogue/google.ts'
import { microsoft } from './catalogue/microsoft.ts'
import { x1 } from './catalogue/x1.ts'
import type { Descriptor } from './descriptor.ts'

export type Catalogue = Record<string, Descriptor>

/** The providers we know by name, in the order of the sign-in page. Any other comes by configuration: see generic.ts. */
export const catalogue: Catalogue = {
  google,
  apple,
  microsoft,
  github,
  facebook,
  x1
}
