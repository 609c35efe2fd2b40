import neostandard from 'neostandard'
import { parser } from 'typescript-eslint'

export default [
  ...neostandard({ ts: true, ignores: ['dist/**', 'build/**', 'data/**', '.tap/**', 'coverage/**'] }),
  {
    rules: {
      '@stylistic/max-len': ['error', { code: 160, ignoreUrls: true }],
      'no-control-regex': 'off' // control characters are what several checks are about
    }
  },
  {
    files: ['src/**/*.ts'],
    languageOptions: { parser, parserOptions: { projectService: true } },
    rules: { '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/no-explicit-any': 'error' }
  }
]
