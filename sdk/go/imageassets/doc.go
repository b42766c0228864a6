// Container images from directories and archives, named by their content.
package imageassets
