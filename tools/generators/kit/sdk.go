package kit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// builtPatterns name what is not generated and may stay: folders of package managers and compilers.
var builtPatterns = []string{"*.egg-info", "__pycache__", "node_modules", "build"}

func writeSDKs(schemaPath, folder string, languages []Language) error {
	for _, language := range languages {
		if language.Folder == "" {
			continue
		}
		pkg, err := load(schemaPath, language.Renamed)
		if err != nil {
			return err
		}
		files, err := language.Package(pkg)
		if err != nil {
			return fmt.Errorf("%s: %w", language.Name, err)
		}
		if err := replace(filepath.Join(folder, language.Folder), files); err != nil {
			return err
		}
	}
	return nil
}

// replace makes root hold exactly these files, and what builds left there.
func replace(root string, files map[string][]byte) error {
	if err := deleteStale(root, files); err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func deleteStale(root string, files map[string][]byte) error {
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if built(entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if _, wanted := files[filepath.ToSlash(name)]; wanted {
			return nil
		}
		return os.Remove(path)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func built(name string) bool {
	for _, pattern := range builtPatterns {
		if matched, _ := filepath.Match(pattern, name); matched {
			return true
		}
	}
	return false
}
