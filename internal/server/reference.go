package server

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/openapi"
)

// Where the API describes itself. Neither needs a credential: what stands there
// stands in the source, too.
const (
	documentPath  = "/openapi.json"
	referencePath = "/docs"
)

func (s *Server) referenceRoutes(e *echo.Echo) {
	e.GET(documentPath, getDocument)
	page := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "Tintype", SwaggerJSON: documentPath, BasePath: referencePath,
		ShowTopBar: false, HideCurl: false, JsonEditor: false,
		SettingsUI: map[string]string{
			"validatorUrl": "null", // it would tell a host of somebody else's
			"docExpansion": `"list"`, "defaultModelsExpandDepth": "0", "tryItOutEnabled": "true",
		},
	})
	for _, path := range []string{referencePath, referencePath + "/*"} {
		e.GET(path, func(c echo.Context) error {
			// The page begins itself by a script in its text, and calls nobody but us.
			c.Response().Header().Set(echo.HeaderContentSecurityPolicy,
				"default-src 'none'; connect-src 'self'; font-src 'self' data:; img-src 'self' data:; "+
					"script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
			page.ServeHTTP(c.Response(), c.Request())
			return nil
		})
	}
}

func getDocument(c echo.Context) error {
	text, err := openapi.Document()
	if err != nil {
		return fault.Wrap(fault.Internal, "The description cannot be read.", err)
	}
	c.Response().Header().Set(echo.HeaderAccessControlAllowOrigin, "*")
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, text)
}
