package server

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/job"
)

// apiPrefix is what the paths of the API begin with; the others are for operators.
const apiPrefix = "/v1/"

// routes is the list of all paths.
func (s *Server) routes() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.answerError
	e.Use(s.observe, s.cors)

	e.POST("/v1/chat/completions", s.createChat)
	e.POST("/v1/images/generations", s.create(job.Image))
	e.POST("/v1/video/generations", s.create(job.Video))

	s.faceRoutes(e)

	e.GET("/v1/jobs", s.listJobs)
	e.GET("/v1/jobs/:id", s.getJob)
	e.DELETE("/v1/jobs/:id", s.deleteJob)
	e.GET("/v1/jobs/:id/content/:n", s.getContent)
	e.HEAD("/v1/jobs/:id/content/:n", s.getContent)
	e.GET("/v1/jobs/:id/events", s.jobEvents)
	e.POST("/v1/jobs/:id/cancel", s.cancelJob)
	e.GET("/v1/images/generations/:id/events", s.jobChunks(job.Image))
	e.GET("/v1/video/generations/:id/events", s.jobChunks(job.Video))

	s.webhookRoutes(e)

	e.GET("/v1/models", s.listModels)
	e.GET("/v1/models/*", s.getModel)

	e.GET("/v1/media/:capability/:name", s.getMedia)
	e.HEAD("/v1/media/:capability/:name", s.getMedia)

	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Add(method, "/healthz", s.healthz)
		e.Add(method, "/readyz", s.readyz)
	}
	e.GET("/metrics", echo.WrapHandler(s.metrics.page))
	s.referenceRoutes(e)
	s.adminRoutes(e)
	return e
}

// faceRoutes are the paths of callers with other habits, to the same jobs.
func (s *Server) faceRoutes(e *echo.Echo) {
	e.POST("/v1/images/edits", s.createBy(s.edits()))
	e.POST("/v1/videos", s.createBy(s.videos()))
	e.GET("/v1/videos", s.listVideos)
	e.GET("/v1/videos/:id", s.getVideo)
	e.DELETE("/v1/videos/:id", s.deleteVideo)
	e.GET("/v1/videos/:id/content", s.videoContent)

	e.POST("/v1/images/generations/async", s.createBy(s.later(job.Image)))
	e.POST("/v1/video/generations/async", s.createBy(s.later(job.Video)))
	e.GET("/v1/generations/tasks/:id", s.getJob)
	e.GET("/v1/video/generations/:id", s.getTask)

	e.POST("/v1/files", s.createFile)
	e.GET("/v1/files/:id", s.getFile)
	e.DELETE("/v1/files/:id", s.deleteFile)
}
