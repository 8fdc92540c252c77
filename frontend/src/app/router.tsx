import { lazy, Suspense } from 'react';
import { createBrowserRouter } from 'react-router';
import { loadEditorPage } from './loadEditorPage';
import { RequireSession } from './RequireSession';
import { RouteError } from './RouteError';
import { Shell } from './Shell';
import { AccountPage } from './pages/AccountPage';
import { DashboardPage } from './pages/DashboardPage';
import { EditorLoading } from './pages/EditorLoading';
import { JoinPage } from './pages/JoinPage';
import { NotFoundPage } from './pages/NotFoundPage';
import { RegisterPage } from './pages/RegisterPage';
import { ResetPasswordPage } from './pages/ResetPasswordPage';
import { SetupPage } from './pages/SetupPage';
import { SignInPage } from './pages/SignInPage';

// Not the router's own `lazy`, which would show the old page until the editor's code has loaded.
const EditorPage = lazy(async () => ({ default: (await loadEditorPage()).EditorPage }));

export const router = createBrowserRouter([
  {
    ErrorBoundary: RouteError,
    children: [
      { path: '/login', Component: SignInPage, ErrorBoundary: RouteError },
      { path: '/reset/:secret', Component: ResetPasswordPage, ErrorBoundary: RouteError },
      { path: '/setup/:secret', Component: SetupPage, ErrorBoundary: RouteError },
      { path: '/register', Component: RegisterPage, ErrorBoundary: RouteError },
      {
        element: (
          <RequireSession>
            <Shell />
          </RequireSession>
        ),
        children: [
          { path: '/', Component: DashboardPage, ErrorBoundary: RouteError },
          { path: '/account', Component: AccountPage, ErrorBoundary: RouteError },
          { path: '/join/:secret', Component: JoinPage, ErrorBoundary: RouteError },
        ],
      },
      {
        path: '/d/:id',
        ErrorBoundary: RouteError,
        element: (
          <Suspense fallback={<EditorLoading />}>
            <EditorPage />
          </Suspense>
        ),
      },
      { path: '*', Component: NotFoundPage },
    ],
  },
]);
