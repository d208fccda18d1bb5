package main

// silent is asynq's logger for the floor: what it has to say is not about us.
type silent struct{}

// Debug implements asynq.Logger.
func (silent) Debug(...any) {}

// Info implements asynq.Logger.
func (silent) Info(...any) {}

// Warn implements asynq.Logger.
func (silent) Warn(...any) {}

// Error implements asynq.Logger.
func (silent) Error(...any) {}

// Fatal implements asynq.Logger.
func (silent) Fatal(...any) {}
