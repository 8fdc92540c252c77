import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

/** Imports run app → features → components → lib, and never from one feature into another. */
const layer = (files, group, message) => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns: [{ group, message }] }] },
});
const outward = 'Imports run app → features → components → lib.';
const features = ['auth', 'documents', 'editor', 'history', 'presence', 'session', 'sharing'];

export default tseslint.config(
  { ignores: ['dist', 'public', 'node_modules', 'src/lib/api/schema.d.ts', 'test-results', 'playwright-report'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] }, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-base-to-string': ['error', { ignoredTypeNames: ['YText', 'Error', 'URL', 'URLSearchParams'] }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Handlers and early returns read better in one line.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'Name what you export.' }],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  { files: ['src/**/*.tsx'], ...jsxA11y.flatConfigs.strict },
  { files: ['src/**/*.tsx'], rules: { 'jsx-a11y/label-has-associated-control': ['error', { depth: 3 }] } },
  { files: ['src/**/*.test.{ts,tsx}'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
  { files: ['src/**/*.{ts,tsx}'], ...reactHooks.configs.flat.recommended },
  layer(['src/lib/**'], ['@/app/*', '@/features/*', '@/components/*'], outward),
  layer(['src/components/**'], ['@/app/*', '@/features/*'], outward),
  ...features.map((name) =>
    layer(
      [`src/features/${name}/**`],
      ['@/app/*', ...features.filter((other) => other !== name).map((other) => `@/features/${other}/*`)],
      'A feature knows components and lib; app puts features together.',
    ),
  ),
  { files: ['*.ts', '*.js', 'e2e/**', 'screenshots/**', 'scripts/**'], rules: { 'no-restricted-syntax': 'off', 'no-console': 'off' } },
  { files: ['eslint.config.js', 'scripts/*.mjs'], ...tseslint.configs.disableTypeChecked },
);
