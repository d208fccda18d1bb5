package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tintypehq/tintype/internal/cli/command"
	"github.com/tintypehq/tintype/internal/cli/terminal"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// toStdout is the file name that stands for standard output.
const toStdout = "-"

// saveFlags say where a result goes.
type saveFlags struct {
	Out   string `short:"o" placeholder:"FILE" help:"Where to save it: a file; a directory, for a file with the job's id as its name; or -, standard output."`
	Force bool   `help:"Replace a file that is there."`
}

// savedFile is a file as --json tells of it.
type savedFile struct {
	Path   string `json:"path"`
	Type   string `json:"type"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// check finds out before anything is paid whether n files can be saved.
func (f saveFlags) check(n int) error {
	if f.Out == toStdout {
		if n > 1 {
			return command.Misuse(errors.New("-o -: standard output takes one file, not several"))
		}
		return nil
	}
	if f.Out == "" || isDir(f.Out) {
		return nil
	}
	if dir := filepath.Dir(f.Out); !isDir(dir) {
		return command.Misuse(fmt.Errorf("-o %s: there is no directory %s", f.Out, dir))
	}
	for i := range n {
		if path := numbered(f.Out, i); !f.Force && exists(path) {
			return command.Misuse(fmt.Errorf("%s is there already; --force replaces it", path))
		}
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// numbered is the name of the file number i, from 0: cat.png, cat-2.png.
func numbered(path string, i int) string {
	if i == 0 {
		return path
	}
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "-" + strconv.Itoa(i+1) + ext
}

// path is where the file number i of a job goes, or toStdout.
func (f saveFlags) path(job *tintype.Job, m tintype.Media, i int) (string, error) {
	if f.Out != "" && !isDir(f.Out) {
		return numbered(f.Out, i), nil
	}
	if name := filepath.Base(job.ID); name != job.ID || strings.HasPrefix(name, ".") || strings.ContainsAny(name, `/\`) {
		return "", fmt.Errorf("the job's id %q is no name for a file; give one by -o", job.ID)
	}
	return filepath.Join(f.Out, numbered(job.ID+extension(m.Type), i)), nil
}

// extension is the ending of a file of a type.
func extension(contentType string) string {
	switch contentType {
	case "image/png":
		return ".png"
	case "image/jpeg":
		return ".jpg"
	case "image/webp":
		return ".webp"
	case "image/gif":
		return ".gif"
	case "video/mp4":
		return ".mp4"
	case "video/webm":
		return ".webm"
	case "video/quicktime":
		return ".mov"
	}
	return ".bin"
}

// wanted are the files of a job that were asked for, without a video's stills.
func wanted(job *tintype.Job) []tintype.Media {
	var files []tintype.Media
	for _, m := range job.Media {
		if strings.HasPrefix(m.Type, string(job.Kind)+"/") {
			files = append(files, m)
		}
	}
	return files
}

// save saves what a job has made.
func (f saveFlags) save(ctx context.Context, c *console, call *caller, job *tintype.Job) ([]savedFile, error) {
	saved := []savedFile{}
	files := wanted(job)
	if len(files) == 0 {
		return saved, fmt.Errorf("the job %s has no file to save", job.ID)
	}
	if f.Out == toStdout && len(files) > 1 {
		return saved, fmt.Errorf("the job %s has %d files, and standard output takes one; give a name by -o", job.ID, len(files))
	}
	for i, m := range files {
		path, err := f.path(job, m, i)
		switch {
		case err != nil:
		case path == toStdout:
			_, err = call.Media.Download(ctx, m, c.Stdout)
		default:
			err = f.saveAs(ctx, call, path, m)
		}
		if err != nil {
			return saved, call.notSaved(err, job.ID)
		}
		saved = append(saved, savedFile{path, m.Type, m.Bytes, m.SHA256})
	}
	return saved, nil
}

// saveAs saves a file under another name first, so that what bears its own is
// whole.
func (f saveFlags) saveAs(ctx context.Context, call *caller, path string, m tintype.Media) (err error) {
	if !f.Force && exists(path) {
		return fmt.Errorf("%s is there already; --force replaces it", path)
	}
	part, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	if _, err = call.Media.Download(ctx, m, part); err != nil {
		return errors.Join(err, part.Close())
	}
	if err = part.Chmod(0o644); err != nil { // for everybody to look at
		return errors.Join(err, part.Close())
	}
	if err = part.Close(); err != nil {
		return err
	}
	if !f.Force && exists(path) {
		return fmt.Errorf("%s is there by now; --force replaces it", path)
	}
	return os.Rename(part.Name(), path)
}

// notSaved says how to try again: what was made is paid for.
func (c *caller) notSaved(err error, id string) error {
	way := c.again("jobs", "download", id, "-o", "FILE")
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &unfinished{"interrupted while the file was fetched\n  " + way + "   fetches it again", err}
	}
	if e, ok := errors.AsType[*tintype.APIError](err); ok {
		err = errors.New(e.Message)
	}
	return fmt.Errorf("the job %s is done, and its file cannot be saved: %s\n  %s   tries again", id, strings.TrimPrefix(err.Error(), "tintype: "), way)
}

// summary tells of saved files in a line.
func summary(files []savedFile, job *tintype.Job) string {
	var all []string
	for i, f := range files {
		text := f.Path
		if f.Path == toStdout {
			text = "standard output"
		}
		m := wanted(job)[i]
		if m.Width > 0 {
			text += fmt.Sprintf(", %d × %d", m.Width, m.Height)
		}
		text += ", " + terminal.Size(f.Bytes)
		if ending := strings.ToLower(filepath.Ext(f.Path)); ending != "" && ending != extension(f.Type) && ending != ".jpeg" {
			text += " (it is " + f.Type + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
